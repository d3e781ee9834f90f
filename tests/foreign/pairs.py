"""Sagas and TCCs of dtmcli, DTM's client for Python, which knows nothing of Branchwire.

Their branches are at a service written with Branchwire. Then Python compensates as a service of its own, on the
same MySQL or MariaDB and its barrier table. Says on lines of their own what became of what: `RESULT <name> <gid>`.

    python3 pairs.py COORDINATOR SERVICE DATABASE APPLIED_GID FRESH_GID
"""

import sys
from urllib.parse import unquote, urlsplit

import pymysql
from dtmcli import barrier, saga, tcc, utils

COORDINATOR, SERVICE, DATABASE, APPLIED_GID, FRESH_GID = sys.argv[1:]


def connect():
    url = urlsplit(DATABASE)
    return pymysql.connect(
        host=url.hostname,
        port=url.port or 3306,
        user=unquote(url.username or "root"),
        password=unquote(url.password or ""),
        database=url.path[1:],
    )


def undo(cursor):
    cursor.execute("UPDATE user_account SET balance = balance + 30 WHERE user_id = 1")


def result(name, gid):
    print("RESULT", name, gid)


def send(name, amounts, waits):
    gid = utils.gen_gid(COORDINATOR)
    sent = saga.Saga(COORDINATOR, gid)
    for amount in amounts:
        sent.add(amount, SERVICE + "/api/pairs/take", SERVICE + "/api/pairs/give-back")
    sent.trans_base.wait_result = waits
    try:
        sent.submit()
        result(name, gid)
    except utils.DTMFailureError:
        result(name + "_failed", gid)


def reserve(name, amounts):
    gid = utils.gen_gid(COORDINATOR)
    halves = [SERVICE + "/api/pairs/" + half for half in ("hold", "keep", "let-go")]

    def tries(of):
        for amount in amounts:
            of.call_branch(amount, *halves)

    tcc.tcc_global_transaction(COORDINATOR, gid, tries)
    result(name, gid)


def main():
    send("sent", [30, 30], False)
    send("waited_for", [30], True)
    # The second action refuses.
    send("refused", [30, 1000], False)
    send("waited_for", [30, 1000], True)

    reserve("confirmed", [30, 20])
    # The second try refuses: dtmcli aborts.
    reserve("cancelled", [30, 1000])

    cursor = connect().cursor()
    # As a compensation: of an action that the service has applied, twice, and of one that has not come yet.
    for gid in [APPLIED_GID, APPLIED_GID, FRESH_GID]:
        barrier.BranchBarrier("saga", gid, "01", "compensate").call(cursor, undo)


main()
