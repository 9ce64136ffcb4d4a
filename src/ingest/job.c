/*
 * job.c
 *		Opens the job that a source's kind asks for.
 */
#include "postgres.h"

#include "ingest/job.h"

source_job *
source_job_open(const source_row *source, MemoryContext context)
{
	if (strcmp(source->kind, "kafka") == 0)
		return kafka_job_open(source, context);
	return ebpf_job_open(source, context);
}
