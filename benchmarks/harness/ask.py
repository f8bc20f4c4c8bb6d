"""One request on a connection of its own, as a browser sends it."""

import http.client
import time
import urllib.parse


class Answer:
    def __init__(self, status, headers, text, milliseconds):
        self.status, self.headers, self.text, self.milliseconds = status, headers, text, milliseconds

    def cookie(self, name):
        """The cookie of that name that it sets."""
        lines = self.headers.get_all("Set-Cookie") or []
        return next(line.split(";")[0] for line in lines if line.startswith(name + "="))


def ask(port, method, path, fields=None, cookie=None, headers=None):
    sent = {"Host": f"localhost:{port}", "Sec-Fetch-Site": "same-origin", **(headers or {})}
    body = None
    if cookie:
        sent["Cookie"] = cookie
    if fields is not None:
        body = urllib.parse.urlencode(fields)
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.connect()
    start = time.perf_counter()
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    text = answer.read().decode()
    took = (time.perf_counter() - start) * 1000
    connection.close()
    return Answer(answer.status, answer.headers, text, took)


def must(answer, *statuses):
    """The answer, if its status is one of these."""
    if answer.status not in statuses:
        raise SystemExit(f"unexpected answer {answer.status}: {answer.text[:400]}")
    return answer
