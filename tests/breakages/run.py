#!/usr/bin/env python3
"""Breaks each duty of tests/CHECKLIST.md once, and reports those whose breakage no test notices.

    tests/breakages/run.py                  every entry of tests/breakages/*.toml
    tests/breakages/run.py 14 "37 #2" Link  those of a line, with an id or a test, or with a word in their duty or file
    tests/breakages/run.py --together 8     how many entries are tried at the same time (default: the number of CPUs)
    tests/breakages/run.py --list           what there is

This is no part of `.ci/run`, since it takes too long for that (a build and every named test once for each entry: about
half an hour on two cores). `tests/laws` checks at no cost that no entry has come loose: each text to be found is there
once, each test is there and stands in the row of its line.

An entry says which expression (`part`, or all of `find`) is exchanged for which other. Both are compiled in, and the
environment variable BREAKAGE says at run time which entry is the broken one: so one build serves all entries, and each
of them is tried by itself. Those that cannot be chosen at run time (`alone = true`, such as in a `const fn`), and those
that overlap with another, are built apart. Everything happens in a copy of the tree, below target/breakages; its first
build is a cold one, unless `target/debug` is copied to `target/breakages/target/debug` before.

An entry is noticed if each of its tests fails, in each place where it is included: a test of tests/acme/sections.rs runs
at both forms of URL, and has to fail at both.
"""

import argparse
import concurrent.futures
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "breakages"
TREE = WORK / "tree"
# A test that polls for what does not come gives up after a minute.
PATIENCE = 300


def entries():
    found = []
    for page in sorted((ROOT / "tests" / "breakages").glob("*.toml")):
        counts = {}
        for entry in tomllib.loads(page.read_text())["breakage"]:
            line = entry["line"]
            counts[line] = counts.get(line, 0) + 1
            entry["id"] = f"{line} #{counts[line]}"
            found.append(entry)
    return found


def span(text, entry):
    """Where the expression stands that is exchanged."""
    find = entry["find"]
    if text.count(find) != 1:
        raise SystemExit(f"{entry['id']}: {find!r} stands {text.count(find)} times in {entry['file']}")
    at, part = text.index(find), entry.get("part", find)
    if find.count(part) != 1:
        raise SystemExit(f"{entry['id']}: {part!r} stands {find.count(part)} times in {find!r}")
    begin = at + find.index(part)
    return begin, begin + len(part)


def rounds(chosen):
    """Which entries are built together: those that are chosen at run time and do not overlap."""
    built = []
    for entry in chosen:
        begin, end = span(sources()[entry["file"]], entry)
        for others in built:
            mixed = entry.get("alone") or any(other.get("alone") for other in others)
            clash = any(
                other["file"] == entry["file"] and (begin, end) != at and begin < at[1] and at[0] < end
                for other, at in ((other, span(sources()[other["file"]], other)) for other in others)
            )
            if not mixed and not clash:
                others.append(entry)
                break
        else:
            built.append([entry])
    return built


def copy():
    """The tree as git knows it, with what is changed; files that are the same keep their time, so little is built anew."""
    sources()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    names = {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}
    for name in names:
        put(TREE / name, (ROOT / name).read_bytes())
        shutil.copymode(ROOT / name, TREE / name)
    for old in TREE.rglob("*"):
        if old.is_file() and str(old.relative_to(TREE)) not in names:
            old.unlink()


def put(path, content):
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write(chosen):
    """Writes the files of the copy with these entries in them, and all others as they are."""
    by_file = {}
    for entry in chosen:
        by_file.setdefault(entry["file"], []).append(entry)
    for name, text in sources().items():
        by_span = {}
        for entry in by_file.get(name, []):
            by_span.setdefault(span(text, entry), []).append(entry)
        for (begin, end), several in sorted(by_span.items(), reverse=True):
            broken = text[begin:end]
            if several[0].get("alone"):
                broken = several[0]["replace"]
            else:
                for entry in several:
                    asked = f'::std::env::var("BREAKAGE").is_ok_and(|asked| asked == "{entry["id"]}")'
                    broken = f"(if {asked} {{ {entry['replace']} }} else {{ {broken} }})"
            text = text[:begin] + broken + text[end:]
        put(TREE / name, text.encode())


def home(test):
    """What cargo has to build for a test, by the file in which it stands."""
    homes = set()
    for name, text in sources().items():
        if f"fn {test}(" in text:
            parts = pathlib.Path(name).parts
            inside = parts[2:] if parts[:2] == ("actors", "machine") else parts[1:] if parts[0] == "actors" else parts
            homes.add(("--test", inside[1].removesuffix(".rs")) if inside[0] == "tests" else ("--lib",))
    if not homes:
        raise SystemExit(f"there is no test {test}")
    return homes


@functools.cache
def sources():
    """The sources as they were at the start: whoever goes on working in the tree does not disturb what runs."""
    return {
        str(path.relative_to(ROOT)): path.read_text()
        for folder in ["tests", "src", "actors"]
        for path in (ROOT / folder).rglob("*.rs")
    }


def build(homes):
    """Builds these targets; answers their executables, or None where something does not compile."""
    # All members together, so that their dependencies are built once, with the features that all of them want.
    command = ["cargo", "test", "--no-run", "--workspace", "--message-format=json"]
    for target in sorted(homes):
        command += target
    environment = dict(os.environ, CARGO_TARGET_DIR=str(WORK / "target"))
    done = subprocess.run(command, cwd=TREE, env=environment, capture_output=True, text=True, check=False)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    for message in messages:
        if message["reason"] == "compiler-message" and message["message"]["level"] == "error":
            print(message["message"]["rendered"], file=sys.stderr)
    if done.returncode != 0:
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    return [
        message["executable"]
        for message in messages
        if message["reason"] == "compiler-artifact" and message["executable"] and message["profile"]["test"]
    ]


def places(executable):
    """Where each test of an executable is included: its names by the last segment."""
    listed = subprocess.run([executable, "--list", "--format", "terse"], capture_output=True, text=True, check=True)
    found = {}
    for line in listed.stdout.splitlines():
        if line.endswith(": test"):
            path = line.removesuffix(": test")
            found.setdefault(path.split("::")[-1], []).append(path)
    return found


def passed(executable, paths, broken):
    """Which of these tests of an executable pass; one that hangs does not."""
    environment = dict(os.environ, BREAKAGE=broken)
    command = [executable, "--exact", *paths]
    try:
        run = subprocess.run(
            command, cwd=TREE, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        output = run.stdout
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode()
    return {path for path in paths if re.search(rf"^test {re.escape(path)} \.\.\. ok", output, re.MULTILINE)}


def attempt(entry, where):
    """The tests of an entry that pass though it is broken."""
    unmoved = set()
    for executable, paths in where(entry["tests"]).items():
        unmoved |= passed(executable, paths, entry["id"])
    return sorted(unmoved)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("filters", nargs="*")
    parser.add_argument("--together", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    chosen = [
        entry
        for entry in entries()
        if not arguments.filters
        or any(
            wanted in [entry["line"], entry["id"], *entry["tests"]]
            or (not wanted.isdigit() and wanted in f"{entry['duty']} {entry['file']}")
            for wanted in arguments.filters
        )
    ]
    if arguments.list:
        for entry in chosen:
            print(f"{entry['id']:<12} {entry['duty']}")
        return
    copy()
    unnoticed, unbuilt = [], []
    for number, together in enumerate(rounds(chosen), 1):
        began = time.monotonic()
        write(together)
        homes = {home_of for entry in together for test in entry["tests"] for home_of in home(test)}
        print(f"round {number}: building {len(together)} breakages", flush=True)
        executables = build(homes)
        if executables is None:
            print("does not compile", flush=True)
            unbuilt += together
            continue
        print(f"built in {time.monotonic() - began:.0f} s", flush=True)
        included = {executable: places(executable) for executable in executables}

        def where(tests):
            found = {}
            for executable, names in included.items():
                paths = [path for test in tests for path in names.get(test, [])]
                if paths:
                    found[executable] = paths
            return found

        if not together[0].get("alone"):
            every = sorted({test for entry in together for test in entry["tests"]})
            for executable, paths in where(every).items():
                failing = sorted(set(paths) - passed(executable, paths, ""))
                if failing:
                    raise SystemExit(f"these fail though nothing is broken: {', '.join(failing)}")
            print(f"{len(every)} tests pass where nothing is broken", flush=True)
        with concurrent.futures.ThreadPoolExecutor(arguments.together) as pool:
            running = {pool.submit(attempt, entry, where): entry for entry in together}
            for count, future in enumerate(concurrent.futures.as_completed(running), 1):
                entry, unmoved = running[future], future.result()
                told = f"NOT NOTICED by {', '.join(unmoved)}" if unmoved else "noticed"
                print(f"[{count}/{len(together)}] {entry['id']}: {entry['duty']}: {told}", flush=True)
                if unmoved:
                    unnoticed.append((entry, unmoved))
    print(f"{len(chosen)} breakages, {len(unnoticed)} not noticed, {len(unbuilt)} not built")
    for entry, unmoved in unnoticed:
        print(f"  {entry['id']}: {entry['duty']}\n    passes: {', '.join(unmoved)}")
    for entry in unbuilt:
        print(f"  {entry['id']}: {entry['duty']}\n    does not compile with the others of its round")
    sys.exit(bool(unnoticed or unbuilt))


if __name__ == "__main__":
    main()
