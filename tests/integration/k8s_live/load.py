"""Asks a service without a pause and counts what becomes of each request. Runs in the client pod.

    python load.py URL MODEL CLIENTS SECONDS TIMEOUT_S STOP [FILE]

It ends after SECONDS, or when the file STOP is there.

Each client sends a streamed chat completion (with FILE, a JPEG, if one is named), reads it whole,
and sends the next one. Every request is on a connection of its own: a kept one would hide whom the
Service names. Prints one JSON object.
"""

import base64
import http.client
import itertools
import json
import os
import socket
import sys
import threading
import time
from urllib.parse import urlsplit


def body_of(model, file):
    """The request, as JSON."""
    content = [{"type": "text", "text": "Count to ten."}]
    if file:
        with open(file, "rb") as image:
            data = base64.b64encode(image.read()).decode()
        url = {"url": f"data:image/jpeg;base64,{data}"}
        content.append({"type": "image_url", "image_url": url})
    messages = [{"role": "user", "content": content if file else "Count to ten."}]
    return json.dumps({"model": model, "messages": messages, "stream": True})


def resolved(host):
    """A name's address. A name server that is too slow is asked again, which the gap shows."""
    for _ in range(2):
        try:
            return socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0]
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                raise
    return socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0]


def refusal(status, retry_after, text):
    """A status, and whether a 503 says what its callers need."""
    if status != 503:
        return str(status)
    try:
        is_told = retry_after and json.loads(text)["error"]["message"]
    except ValueError:
        is_told = False
    return "503" if is_told else "503, unsaid why"


def ask(url, body, timeout_s):
    """One request: how it ended, in a word."""
    address = urlsplit(url)
    connection = None
    try:
        host = resolved(address.hostname)
        connection = http.client.HTTPConnection(host, address.port, timeout=timeout_s)
        connection.request(
            "POST", "/v1/chat/completions", body, {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            return refusal(answer.status, answer.getheader("Retry-After"), text)
        return "answered" if text.rstrip().endswith(b"data: [DONE]") else "cut"
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return "refused" if isinstance(error, ConnectionRefusedError) else type(error).__name__
    except http.client.HTTPException:
        return "cut"
    finally:
        if connection:
            connection.close()


def client(url, body, end, timeout_s, found, stop):
    while (now := time.time()) < end and not os.path.exists(stop):
        fate = ask(url, body, timeout_s)
        found.append((now, time.time(), fate))
        if fate != "answered":
            time.sleep(0.1)


def longest_gap(found, start, end):
    """The longest time in which no answer ended whole: when it began, and its seconds."""
    ends = sorted(done for _, done, fate in found if fate == "answered")
    pairs = itertools.pairwise([start, *ends, end])
    earlier, later = max(pairs, key=lambda pair: pair[1] - pair[0])
    return earlier, later - earlier


def slowest(found, wanted):
    """The longest time that a request took which ended so, in seconds."""
    return round(max((done - begun for begun, done, fate in found if fate == wanted), default=0), 2)


def main(url, model, clients, seconds, timeout_s, stop, file=""):
    found = []
    start = time.time()
    end = start + float(seconds)
    arguments = (url, body_of(model, file), end, float(timeout_s), found, stop)
    threads = [threading.Thread(target=client, args=arguments) for _ in range(int(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fates = {}
    for _, _, fate in found:
        fates[fate] = fates.get(fate, 0) + 1
    gap_begin, gap_s = longest_gap(found, start, time.time())
    print(
        json.dumps(
            {
                "fates": fates,
                "gap_s": round(gap_s, 1),
                "gap_begin": gap_begin,
                "seconds": round(time.time() - start),
                "slowest_s": slowest(found, "answered"),
                "slowest_503_s": slowest(found, "503"),
            }
        )
    )


main(*sys.argv[1:])
