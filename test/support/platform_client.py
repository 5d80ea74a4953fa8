"""The platform's web application, as far as the runner sees it: a program of its own, in its own language, with the
standard library alone. Says on stdout what it would show its users, one JSON array a line.

    platform_client.py submit URL BODY         polls admission until the run may start, and then submits it
    platform_client.py submit-now URL BODY     submits it at once
    platform_client.py install ROOT ID FOLDER  edits the registry of packages by hand, and activates one
    platform_client.py files REPO              lists the files of a session on the shared disk
"""

import codecs
import http.client
import json
import os
import sys
import time
from urllib.parse import urlencode, urlsplit

POLL_SECONDS = 0.5


def say(*what):
    print(json.dumps(what), flush=True)


def connection(url):
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname, parts.port)


def text_parts(response):
    """The text of an answer as it comes, decoded as httpx does."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while True:
        part = response.read1(65536)
        if not part:
            yield decoder.decode(b"", final=True)
            return
        yield decoder.decode(part)


def lines(parts):
    """Lines as `aiter_lines` of httpx gives them: they end wherever `str.splitlines` ends one."""
    rest = ""
    for part in parts:
        text = rest + part
        # What comes next may still belong to this end of a line.
        held = text[-1:] if text.endswith("\r") else ""
        text = text[: len(text) - len(held)]
        whole = text.splitlines(keepends=True)
        rest = held
        if whole and whole[-1].splitlines() == [whole[-1]]:
            rest = whole.pop() + held
        for line in whole:
            yield line.splitlines()[0]
    yield from rest.splitlines()


def events(all_lines):
    """Blocks of lines between blank ones: the event and its data."""
    event, data = "message", []
    for line in all_lines:
        if line == "":
            if data:
                yield event, "\n".join(data)
            event, data = "message", []
        elif line.startswith("event:"):
            event = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        # Comments, ids and fields that it does not know are nothing to it.


def decoded(data):
    try:
        return json.loads(data)
    except ValueError:
        return data


def wait_for_admission(url, body):
    query = {name: body[name] for name in ("user_id", "session_id") if body.get(name)}
    while True:
        http_connection = connection(url)
        http_connection.request("GET", "/ops/admission?" + urlencode(query))
        answer = http_connection.getresponse()
        state = json.loads(answer.read())
        http_connection.close()
        if answer.status != 200:
            say("error", answer.status, state["detail"])
            sys.exit(1)
        if state["can_run_now"]:
            return
        say("queued", state)
        time.sleep(POLL_SECONDS)


def submit(url, body):
    http_connection = connection(url)
    text = body if isinstance(body, str) else json.dumps(body)
    http_connection.request(
        "POST",
        "/run",
        text.encode("utf-8"),
        {"Content-Type": "application/json", "Accept": "text/event-stream"},
    )
    answer = http_connection.getresponse()
    if answer.status != 200:
        say("error", answer.status, json.loads(answer.read())["detail"])
        sys.exit(1)
    say("headers", answer.getheader("Content-Type"), answer.getheader("Cache-Control"))
    for event, data in events(lines(text_parts(answer))):
        if event == "meta" or event == "runner.exit":
            say(event, json.loads(data))
        elif event == "agent":
            say(event, decoded(data))
        elif event == "log":
            say(event, json.loads(data)["text"])
        # What the runner has learned since then is nothing to this client.
        if event == "runner.exit":
            break
    say("end")


def install(root, package_id, folder):
    path = os.path.join(root, "registry.json")
    try:
        with open(path, encoding="utf-8") as file:
            registry = json.load(file)
    except FileNotFoundError:
        registry = {"version": 1, "active_package": None, "packages": {}}
    registry["packages"][package_id] = {
        "id": package_id,
        "title": package_id,
        "installed_path": folder,
        "source": "by hand",
        "status": "installed",
        "note": "kept",
    }
    registry["active_package"] = package_id
    os.makedirs(root, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(registry, file, indent=2)


def files(repo):
    for folder, folders, names in os.walk(repo):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as file:
                say("file", os.path.relpath(path, repo), file.read())


command, *arguments = sys.argv[1:]
if command == "submit":
    wait_for_admission(arguments[0], json.loads(arguments[1]))
    submit(arguments[0], json.loads(arguments[1]))
elif command == "submit-now":
    submit(arguments[0], arguments[1])
elif command == "install":
    install(*arguments)
elif command == "files":
    files(*arguments)
else:
    sys.exit(f"there is no command {command!r}")
