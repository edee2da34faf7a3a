"""Asks a service one thing and prints status, seconds and body. Runs in the client pod.

    python ask.py METHOD URL [BODY] [SECONDS] [KEY]

In BODY `@FILE` stands for the file's contents in base64. While nobody listens it is asked again for
SECONDS. A name server that is too slow is asked twice more in any case, which the seconds show.
"""

import base64
import json
import re
import socket
import sys
import time
import urllib.error
import urllib.request


def read(match):
    with open(match[1], "rb") as file:
        return base64.b64encode(file.read()).decode()


def ask(method, url, body, key):
    data = re.sub(r"@(/[\w./-]+)", read, body).encode() if body else None
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=150) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def is_slow_name_server(error):
    reason = getattr(error, "reason", None)
    return isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_AGAIN


def main(method, url, body="", seconds="0", key=""):
    start = time.time()
    names = 2
    while True:
        try:
            status, text = ask(method, url, body, key)
            break
        except OSError as error:
            if is_slow_name_server(error) and names:
                names -= 1
                continue
            if time.time() > start + float(seconds):
                status, text = 0, str(error).encode()
                break
            time.sleep(0.3)
    took = round(time.time() - start, 2)
    print(json.dumps({"status": status, "seconds": took, "body": text.decode(errors="replace")}))


main(*sys.argv[1:])
