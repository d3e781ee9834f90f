"""A bank written with dtmcli, DTM's client for Python, which knows nothing of Branchwire.

Its account is on the MySQL or MariaDB of another bank, written with Branchwire, and so is its barrier table. It has the
other bank credit, through a coordinator. Says on lines of their own what became of what: `RESULT <name> <gid>`.

    python3 bank.py COORDINATOR OTHER_BANK DATABASE APPLIED_GID FRESH_GID
"""

import sys
from urllib.parse import unquote, urlsplit

import pymysql
from dtmcli import barrier, msg, utils

COORDINATOR, OTHER_BANK, DATABASE, APPLIED_GID, FRESH_GID = sys.argv[1:]
PREPARED = OTHER_BANK + "/prepared"


def connect():
    url = urlsplit(DATABASE)
    return pymysql.connect(
        host=url.hostname,
        port=url.port or 3306,
        user=unquote(url.username or "root"),
        password=unquote(url.password or ""),
        database=url.path[1:],
    )


def debit(cursor):
    cursor.execute("UPDATE user_account SET balance = balance - 30 WHERE user_id = 2")


def refuse(cursor):
    debit(cursor)
    raise utils.DTMFailureError("not enough money")


def transfer(gid):
    return msg.Msg(COORDINATOR, gid).add(30, OTHER_BANK + "/branch")


def result(name, gid):
    print("RESULT", name, gid)


def expect(error, call):
    try:
        call()
    except error:
        return
    sys.exit(f"{call} raised no {error}")


def main():
    cursor = connect().cursor()

    gid = utils.gen_gid(COORDINATOR)
    transfer(gid).do_and_submit_db(PREPARED, cursor, debit)
    result("submitted", gid)

    gid = utils.gen_gid(COORDINATOR)
    expect(utils.DTMFailureError, lambda: transfer(gid).do_and_submit_db(PREPARED, cursor, refuse))
    result("refused", gid)
    # Its name is used up.
    expect(utils.DTMFailureError, lambda: transfer(gid).prepare(PREPARED))

    gid = utils.gen_gid(COORDINATOR)
    transfer(gid).prepare(PREPARED)
    barrier.BranchBarrier("msg", gid, "00", "msg").call(cursor, debit)
    result("committed", gid)

    gid = utils.gen_gid(COORDINATOR)
    transfer(gid).prepare(PREPARED)
    result("forgotten", gid)

    gid = utils.gen_gid(COORDINATOR)
    transfer(gid).set_wait_result().submit()
    result("waited_for", gid)

    gid = utils.gen_gid(COORDINATOR)
    nowhere = msg.Msg(COORDINATOR, gid).add(30, OTHER_BANK + "/nowhere").set_wait_result()
    expect(Exception, nowhere.submit)
    result("waited_for_in_vain", gid)

    # As a branch: one that the other bank has carried out already, and one that it has not.
    barrier.BranchBarrier("msg", APPLIED_GID, "01", "action").call(cursor, debit)
    for _ in range(2):
        barrier.BranchBarrier("msg", FRESH_GID, "01", "action").call(cursor, debit)


main()
