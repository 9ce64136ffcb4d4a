#!/usr/bin/env python3
"""The apps of the demo's fleet, on Python's standard library.

  app.py checkout    HTTP on 8080: counts the order in Redis, has payments charge
                     it, publishes a receipt
  app.py payments    HTTP on 8080: writes the charge into PostgreSQL
  app.py mailer      takes receipts from Redis over one long-lived connection, and
                     now and then tries a mail relay that is not there
  app.py reporting SECONDS
                     asks for a report at the edge, five times a second

Names are resolved with DNS.  Redis and PostgreSQL are talked to over connections
that stay open; HTTP calls take a new one each.
"""

import http.client
import http.server
import socket
import sys
import threading
import time

TIMEOUT = 10
REPORT_EVERY = 0.2


class Redis:
    """One connection, kept open and shared by the threads of the app."""

    def __init__(self):
        self.lock = threading.Lock()
        self.socket = socket.create_connection(("redis.shop", 6379), TIMEOUT)
        self.reader = self.socket.makefile("rb")

    def send(self, *words):
        parts = ["*%d\r\n" % len(words)]
        parts += ["$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self.socket.sendall("".join(parts).encode())

    def reply(self):
        line = self.reader.readline().rstrip()
        kind, value = line[:1], line[1:]
        if kind == b"*":
            return [self.reply() for _ in range(int(value))]
        if kind == b"$":
            return self.reader.read(int(value) + 2)[:-2]
        if kind in (b":", b"+"):
            return value
        raise OSError("redis: %r" % line)

    def call(self, *words):
        with self.lock:
            self.send(*words)
            return self.reply()


class Server(http.server.ThreadingHTTPServer):
    """Serves IPv4 and IPv6 on one socket; answer() gives the body."""

    daemon_threads = True
    request_queue_size = 128
    address_family = socket.AF_INET6

    def __init__(self, answer):
        self.answer = answer
        super().__init__(("::", 8080), Handler)

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            status, body = 200, self.server.answer()
        except Exception as error:
            status, body = 502, "%s\n" % error
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def get(host, port, path):
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
    finally:
        connection.close()
    if response.status != 200:
        raise OSError("%s answered %d: %s" % (host, response.status, body))
    return body


def checkout():
    redis = Redis()

    def answer():
        order = redis.call("INCR", "orders").decode()
        charge = get("payments.shop", 8080, "/charge")
        redis.call("PUBLISH", "receipts", order)
        return "order %s, %s" % (order, charge)

    Server(answer).serve_forever()


def payments():
    import psycopg2

    database = psycopg2.connect(host="orders-db.shop", dbname="postgres", user="postgres",
                                connect_timeout=TIMEOUT)
    database.autocommit = True
    lock = threading.Lock()

    def answer():
        with lock, database.cursor() as cursor:
            cursor.execute("INSERT INTO charge DEFAULT VALUES RETURNING id")
            return "charge %d\n" % cursor.fetchone()

    Server(answer).serve_forever()


def mailer():
    redis = Redis()
    redis.socket.settimeout(None)
    redis.send("SUBSCRIBE", "receipts")
    redis.reply()
    taken = 0
    while True:
        redis.reply()
        taken += 1
        if taken % 50 == 1:
            try:
                socket.create_connection(("relay.shop", 25), TIMEOUT).close()
            except ConnectionRefusedError as error:
                print("relay: %s" % error, flush=True)


def reporting(seconds):
    end = time.monotonic() + seconds
    done = 0
    while time.monotonic() < end:
        get("edge.shop", 80, "/report")
        done += 1
        time.sleep(REPORT_EVERY)
    print("%d reports" % done, flush=True)


if __name__ == "__main__":
    apps = {"checkout": checkout, "payments": payments, "mailer": mailer, "reporting": reporting}
    apps[sys.argv[1]](*map(float, sys.argv[2:]))
