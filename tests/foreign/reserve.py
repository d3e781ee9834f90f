"""A TCC of dtmcli, DTM's client for Python, which knows nothing of Branchwire.

The branches are served here, each half behind dtmcli's barrier, on a MySQL or MariaDB: a try takes from account 2, a confirm
gives that to account 1, a cancel gives it back. Says on lines of their own what became of what: `RESULT <name> <gid>`.

    python3 reserve.py COORDINATOR DATABASE
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pymysql
import requests
from dtmcli import barrier, tcc, utils

COORDINATOR, DATABASE = sys.argv[1:]

# Of which account each half makes how much.
CHANGES = {"try": (2, -1), "confirm": (1, 1), "cancel": (2, 1)}


def connect():
    url = urlsplit(DATABASE)
    return pymysql.connect(
        host=url.hostname,
        port=url.port or 3306,
        user=unquote(url.username or "root"),
        password=unquote(url.password or ""),
        database=url.path[1:],
    )


class Branches(BaseHTTPRequestHandler):
    def do_POST(self):
        call = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        amount = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        account, sign = CHANGES[call["op"]]

        def change(cursor):
            sql = "UPDATE user_account SET balance = balance + %s WHERE user_id = %s"
            cursor.execute(sql, (sign * amount, account))
            if amount > 100:
                raise utils.DTMFailureError("more than 100")

        branch = barrier.BranchBarrier(call["trans_type"], call["gid"], call["branch_id"], call["op"])
        try:
            branch.call(connect().cursor(), change)
            self.answer(200, "SUCCESS")
        except utils.DTMFailureError:
            self.answer(409, "FAILURE")

    def answer(self, status, result):
        body = json.dumps({"dtm_result": result}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def transaction(name, amounts, url, expected):
    gid = utils.gen_gid(COORDINATOR)

    def tries(of):
        for amount in amounts:
            of.call_branch(amount, url, url, url)

    if tcc.tcc_global_transaction(COORDINATOR, gid, tries) != expected(gid):
        sys.exit(f"{name} came to another end")
    # The branches are served until all of them are called.
    while requests.get(COORDINATOR + "/query", params={"gid": gid}).json()["transaction"]["status"] not in ("succeed", "failed"):
        time.sleep(0.05)
    print("RESULT", name, gid)


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Branches)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    transaction("confirmed", [30, 20], url, lambda gid: gid)
    # The second try refuses: dtmcli aborts.
    transaction("cancelled", [30, 1000], url, lambda _: "")


main()
