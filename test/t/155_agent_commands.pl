# The agent's commands: what they say, what they pin and unpin, and their exit codes.
use strict;
use warnings;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Agent;

need_kernel();

my $secret = 'hunter2-is-secret';
my $work = PostgreSQL::Test::Utils::tempdir('agent-commands');
chmod 0755, $work;

sub file_of
{
	my ($name, $text, $mode) = @_;

	open my $file, '>', "$work/$name" or die "$name: $!";
	print $file $text;
	close $file;
	chmod $mode, "$work/$name";
	return "$work/$name";
}

# tests: ends with this code and says this, and no secret
sub ends
{
	my ($name, $code, $pattern, @arguments) = @_;
	my ($got, $out, $err) = run_agent(@arguments);

	is($got, $code, "$name: exit code $code") or diag($err);
	like($out . $err, $pattern, "$name: says why");
	unlike($out . $err, qr/\Q$secret\E/, "$name: shows no secret") if grep { /\Q$secret\E/ } @arguments;
	return;
}

# systemd understands the units; the programs that they name need not be installed
SKIP:
{
	my $units = $ENV{TOPOLOGY_UNITS} // dirname(__FILE__) . '/../../src/agent';

	skip 'no systemd-analyze', 1 if system('systemd-analyze --version >/dev/null 2>&1') != 0;
	my ($out, $err) = run_command([ 'systemd-analyze', 'verify', glob "$units/*.service" ]);
	is(join("\n", grep { !/is not executable: No such file/ } split /\n/, "$out$err"), '', 'systemd has nothing to say of the units');
}

# help
foreach my $command (qw(run pin unpin version help))
{
	my ($code, $out, $err) = run_agent($command, '--help');

	is("$code$err", '0', "$command --help");
	like($out, qr/^usage: topology-agent $command\b.*^exit codes: 0 done.*5 ended/ms, 'tells how it is used, and its exit codes');
}
my ($code, $out) = run_agent('help');
like($out, qr/^  run .*^  pin .*^  unpin /ms, 'help tells of all commands');

# wrong usage
my $absent = pin_dir_of('absent');
my @kafka = ('--brokers', '127.0.0.1:1', '--topic', 't', '--dir', $absent);
ends('no command', 1, qr/^usage: /);
ends('no brokers', 1, qr/--brokers and --topic must be given, or --stdout/, 'run');
ends('no topic', 1, qr/--brokers and --topic must be given/, 'run', '--brokers', 'b:1');
ends('two ways out', 1, qr/--stdout takes neither/, 'run', '--stdout', @kafka);
ends('settings without Kafka', 1, qr/--stdout takes neither/, 'run', '--stdout', '-X', "sasl.password=$secret");
ends('an unknown option', 1, qr/unknown option.*"--sasl"/, 'run', "--sasl=$secret");
ends('a word too many', 1, qr/a word that belongs to no option/, 'run', @kafka, $secret);
ends('no value', 1, qr/no value for it: "--topic"/, 'run', '--topic');
ends('an empty value', 1, qr/--topic "": expected/, 'run', '--topic', '');
ends('a setting without value', 1, qr/-X: expected NAME=VALUE/, 'run', @kafka, '-X', $secret);
ends('too short an interval', 1, qr/--interval "0\.01": expected seconds, 0\.1 to 60/, 'run', @kafka, '--interval', '0.01');
ends('no number', 1, qr/--wait "long": expected seconds/, 'run', @kafka, '--wait', 'long');
ends('too little memory', 1, qr/--memory "1MB": expected at least 4MB/, 'run', @kafka, '--memory', '1MB');
ends('a relative directory', 1, qr/--dir "pins": expected an absolute path/, 'run', '--stdout', '--dir', 'pins');
ends('namespaces taken and left', 1, qr/cannot both be given/, 'run', @kafka, '--netns', 'a', '--except-netns', 'b');
ends('a namespace that is none', 1, qr/is no name of a network namespace/, 'run', @kafka, '--netns', 'a,,b');
ends('an unknown setting', 1, qr/librdkafka has no setting "sasl\.pasword"/, 'run', @kafka, '-X', "sasl.pasword=$secret");
ends('a setting that is refused', 1, qr/"debug" may not be given/, 'run', @kafka, '-X', 'debug=all');
ends('a bad secret', 1, qr/value of "ssl\.key\.pem"|settings were refused/, 'run', @kafka, '-X', 'security.protocol=ssl', '-X', "ssl.key.pem=$secret");

# files
ends('a file that is not there', 1, qr/could not open ".*nothing"/, 'run', @kafka, '--settings', "$work/nothing");
ends('a line that is no setting', 1, qr/settings:3: expected NAME=VALUE/, 'run', @kafka,
	'--settings', file_of('settings', "# a comment\n\n$secret\n", 0600));
ends('a secret that all may read', 1, qr/holds a secret, and anybody may read it/, 'run', @kafka,
	'--settings', file_of('open', "sasl.password = $secret\n", 0644));
ends('rules that are none', 1, qr/identity rule 2: /, 'run', @kafka, '--rules', file_of('rules', "\napp process ( x\n", 0644));

# what is not there, or not ours
ends('a namespace that is not there', 4, qr/there is no network namespace/, 'run', @kafka, '--netns', "absent-$$");
run_command([ agent(), 'run', @kafka ]);
is($? >> 8, 2, 'nothing pinned, and who runs it is not root: exit code 2');
run_command([ agent(), 'pin', '--dir', $absent ]);
is($? >> 8, 2, 'only root may pin: exit code 2');
ok(!grep({ $_ eq $absent } split /\n/, as_root('sh', '-c', "ls -d /sys/fs/bpf/*")), 'and whatever failed has unpinned what it pinned');

# it pins for itself and unpins, and takes what is pinned and leaves it
my $agent = Topology::Agent->new('--stdout', '--dir', $absent);
like($agent->said, qr/capture pinned in \Q$absent\E/, 'where nothing is pinned it pins');
ends('a second reader', 4, qr/another process already reads/, 'run', '--stdout', '--dir', $absent);
is($agent->stop, 0, 'SIGTERM ends it');
is(system('setpriv', '--reuid=0', 'test', '-e', $absent) >> 8, 1, 'and unpins');
my $dir = pin('commands');
$agent = Topology::Agent->new('--stdout', '--dir', $dir, '--interval', 0.1, '--status', 0.1);
unlike($agent->said, qr/capture pinned/, 'what is pinned it takes');
$agent->signal('HUP');
my $events = $agent->figures->{events} // 0;
my $hosts = network('client', 'server');
call($hosts->{client}, 'after-hup', '--address', $hosts->{server}{ip4}, '--port', 4000, '--refused', '--count', 10);
$agent->wait_until(sub { $_->{events} >= $events + 10 });
pass('SIGHUP does it no harm');
$agent->signal('INT');
is($agent->finish, 0, 'SIGINT ends it too');
is(system('setpriv', '--reuid=0', 'test', '-e', "$dir/about") >> 8, 0, 'and leaves what others pinned');

# who reads what is pinned needs no privilege
{
	local $Topology::Agent::as_root = 0;
	$agent = Topology::Agent->new('--stdout', '--dir', $dir, '--interval', 0.1, '--status', 0.1);
	my $status = slurp_file('/proc/' . $agent->pid . '/status');
	is(join(' ', $status =~ /^Cap(?:Prm|Eff|Inh|Amb):\s*(\w+)/mg), join(' ', ('0' x 16) x 4), 'it runs without any capability');
	call($hosts->{client}, 'to-nobody', '--address', $hosts->{server}{ip4}, '--port', 4001, '--refused', '--count', 10);
	$agent->wait_until(sub { $_->{delivered} > 0 });
	is($agent->stop, 0, 'and captures');
	like($agent->output, qr/"app":"\Q@{[app('to-nobody')]}\E"/, 'and knows whose flows they are');
}

# when the pins are replaced it ends, for the next one to take the new ones
$agent = Topology::Agent->new('--stdout', '--dir', $dir, '--interval', 0.1);
as_root(agent(), 'pin', '--dir', $dir, '--group', 'postgres', '--replace');
is($agent->finish, 4, 'pins that were replaced end it: exit code 4');
like($agent->said, qr/were replaced|could not open/, 'with the reason');

# whoever reads its output has gone
my $command = join ' ', agent(), 'run --stdout --interval 0.1 --dir', $dir;
my $calls = 'while :; do (exec 3<>/dev/tcp/127.0.0.1/9) 2>/dev/null; done & trap "kill $!" EXIT;';
my ($result) = as_root('bash', '-c', "$calls $command 2>/dev/null | head -n 1 >/dev/null; echo \${PIPESTATUS[0]}");
is($result, 4, 'nobody reads its output: exit code 4');
done_testing();
