# SPDX-License-Identifier: MIT OR Apache-2.0
"""For gdb: shows the calls that a process, a core file or a board has out. Calls no function of the program that is looked at.

    (gdb) source examples/inspect/cocancel.py
    (gdb) cocancel calls                 the table; needs the program cocancel-inspect (on PATH, or COCANCEL_INSPECT names it)
    (gdb) cocancel dump FILE             the same for later: cocancel-inspect FILE
    (gdb) cocancel layout                where the words stand, from debug information: what layout.json is made of

Both take, in this order, `--now TICK` and an expression for another runtime than the default one: a Rust `Runtime`, or a
`cocancel_runtime *`. TICK is the port's, in milliseconds, as a number or as an expression (in quotes, if it has blanks). It may be left out for the default
runtime of a POSIX process on this machine, whose clock is this machine's monotonic one, and of its core file: then it is counted back from
when the file was written. Offsets come from the debug information of Rust, where there is some, else, if the target is a 64-bit one, from
layout.json.
"""

import json
import os
import re
import subprocess
import time

import gdb

HERE = os.path.dirname(os.path.abspath(__file__))
BUILT_IN = "cocancel::runtime::Runtime<cocancel::port::posix::Posix, cocancel::storage::Borrowed>"
BY_HOST = "cocancel::runtime::Runtime<cocancel::port::HostPort, cocancel::storage::Borrowed>"
STORED_WORD = 8
NO_TYPES = """no types of cocancel's are found in the debug information, and layout.json is for 64-bit targets only:
build the library and the program with CARGO_PROFILE_RELEASE_DEBUG=2"""
NO_TICK = """which tick is it there? Only the default runtime of a POSIX process on this machine, or of its core file, goes by this machine's
clock. Of any other: --now TICK, the port's tick in milliseconds"""
NO_SYMBOLS = """no default runtime is found here. If the program or its libcocancel.so was stripped, load one of the same build that was
not (`add-symbol-file FILE -o WHERE`, with WHERE from `info proc mappings`), or link such a one; if it has a runtime of its own, name that:
cocancel calls RUNTIME"""


def find_type(name):
    try:
        return gdb.lookup_type(name)
    except gdb.error:
        return None


def offset(type_, *path):
    """Of a field of a field, in bytes, and its type."""
    at = 0
    for name in path:
        field = next(f for f in type_.strip_typedefs().fields() if f.name == name)
        at, type_ = at + field.bitpos // 8, field.type
    return at, type_


def runtime_layout(type_):
    """Where a runtime keeps its clock and its tables: in place, or as pointer and length."""
    layout = {"half": offset(type_, "half")[0]}
    for table in ("calls", "threads"):
        at, found = offset(type_, "storage", table)
        if found.strip_typedefs().code == gdb.TYPE_CODE_ARRAY:
            layout[table] = {"in_place": at, "count": found.strip_typedefs().range()[1] + 1}
        else:
            layout[table] = {"pointer": at + offset(found, "data_ptr")[0], "length": at + offset(found, "length")[0]}
    return layout


def slot_layout():
    """Of the slots; None without debug information."""
    call, thread = find_type("cocancel::call::CallSlot"), find_type("cocancel::thread::ThreadSlot")
    if call is None or thread is None or not call.fields():
        return None
    has_home = any(f.name == "home" for f in thread.fields())
    return {
        "call": {"size": call.sizeof, **{name: offset(call, name)[0] for name in ("state", "request", "outer")}},
        "thread": {
            "size": thread.sizeof,
            **{name: offset(thread, name)[0] for name in ("id", "top")},
            "home": offset(thread, "home")[0] if has_home else None,
        },
    }


def whole_layout():
    """What layout.json holds."""
    layout = slot_layout()
    if layout is None:
        raise gdb.GdbError("no debug information of Rust here")
    for key, name in (("built_in", BUILT_IN), ("by_host", BY_HOST)):
        if find_type(name) is not None:
            layout[key] = runtime_layout(find_type(name))
    instance = find_type("cocancel::target::cocancel_runtime")
    if instance is not None:
        layout["in_storage"] = offset(instance, "runtime")[0]
    return layout


def known_layout():
    """What debug information says, else layout.json where that can be right."""
    found = slot_layout()
    if word_size() == STORED_WORD:
        with open(os.path.join(HERE, "layout.json")) as file:
            return {**json.load(file), **(found or {})}
    if found is None:
        raise gdb.GdbError(NO_TYPES)
    return whole_layout()


def stored(layout, key):
    """A part that the debug information may lack."""
    if key not in layout:
        raise gdb.GdbError(NO_TYPES)
    return layout[key]


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size)) if size else b""


def number(address, size):
    little = "little" in gdb.execute("show endian", to_string=True)
    return int.from_bytes(read(address, size), "little" if little else "big")


def word_size():
    # not by the name of a type: which there are depends on the language
    return gdb.selected_inferior().architecture().integer_type(8).pointer().sizeof


def symbol(name):
    """The address of a static, from debug information or the symbol table."""
    found = gdb.lookup_static_symbol(name) or gdb.lookup_global_symbol(name)
    if found is not None:
        return int(found.value().address)
    # with the hash that the compiler appends, or that newer ones put behind the crate's name
    crate, colons, path = name.partition("::")
    listed = gdb.execute(f"info variables {colons}{path}" if path else f"info variables {crate}", to_string=True)
    found = re.search(rf"^(0x[0-9a-f]+) +{crate}(\[[0-9a-f]+\])?{colons}{path}(::h[0-9a-f]+)?$", listed, re.MULTILINE)
    return int(found[1], 16) if found else None


class Runtime:
    """Where it stands and how it is laid out."""

    def __init__(self, expression):
        layout = known_layout()
        self.call, self.thread = layout["call"], layout["thread"]
        self.is_posix = False
        if expression:
            value = gdb.parse_and_eval(expression)
            type_ = value.type.strip_typedefs()
            if type_.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF):
                address, type_ = int(value), type_.target().strip_typedefs()
            else:
                address = int(value.address)
            if "cocancel_runtime" in (type_.name or ""):
                self.by_host(address, layout)
            else:
                self.address, self.layout = address, runtime_layout(type_)
            return
        # one that cocancel_set_default put there comes first
        place = symbol("cocancel::target::DEFAULT")
        chosen = number(place, word_size()) if place else 0
        if chosen:
            self.by_host(chosen, layout)
            return
        place = symbol("cocancel::port::posix::default::CHOSEN")
        if place is None:
            raise gdb.GdbError(NO_SYMBOLS)
        self.address = number(place, word_size())
        if self.address == 0:
            raise gdb.GdbError("the default runtime has not been used yet")
        self.is_posix = True
        type_ = find_type(BUILT_IN)
        self.layout = runtime_layout(type_) if type_ is not None else stored(layout, "built_in")

    def by_host(self, address, layout):
        type_ = find_type(BY_HOST)
        self.layout = runtime_layout(type_) if type_ is not None else stored(layout, "by_host")
        self.address = address + stored(layout, "in_storage")

    def table(self, name, size):
        """How many slots, and their bytes."""
        where = self.layout[name]
        if "in_place" in where:
            return where["count"], read(self.address + where["in_place"], where["count"] * size)
        pointer = number(self.address + where["pointer"], word_size())
        count = number(self.address + where["length"], word_size())
        return count, read(pointer, count * size)


def posix_tick():
    """The monotonic clock of this machine now, or when the core file was written: right until the machine is started anew."""
    connection = gdb.selected_inferior().connection
    if connection is None or connection.type not in ("native", "core"):
        raise gdb.GdbError(NO_TICK)
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    core = re.search(r"Local core dump file:\s*`(.*)', file type", gdb.execute("info files", to_string=True))
    if core:
        now -= time.time() - os.path.getmtime(core[1])
    return int(now * 1000) & 0xFFFFFFFF


def dump(arguments):
    """The bytes of a dump (src/dump.rs says what stands in it)."""
    now = None
    if arguments[:1] == ["--now"]:
        if len(arguments) < 2:
            raise gdb.GdbError("--now TICK")
        now, arguments = int(gdb.parse_and_eval(arguments[1])) & 0xFFFFFFFF, arguments[2:]
    runtime = Runtime(" ".join(arguments))
    if now is None:
        if not runtime.is_posix:
            raise gdb.GdbError(NO_TICK)
        now = posix_tick()
    calls, call_table = runtime.table("calls", runtime.call["size"])
    threads, thread_table = runtime.table("threads", runtime.thread["size"])
    ages = symbol("COCANCEL_INSPECT_BEGUN")
    ages = read(ages, 4096 * 8) if ages else b""
    header = {
        "cocancel_dump": 1,
        "big_endian": "big" in gdb.execute("show endian", to_string=True),
        "call": runtime.call,
        "thread": runtime.thread,
        "calls": calls,
        "threads": threads,
        "ages": len(ages) // 8,
        "half": number(runtime.address + runtime.layout["half"], 4),
        "now": now,
    }
    return json.dumps(header).encode() + b"\n" + call_table + thread_table + ages


class Cocancel(gdb.Command):
    """cocancel calls | dump FILE | layout: the calls that are out (see the top of cocancel.py)."""

    def __init__(self):
        super().__init__("cocancel", gdb.COMMAND_STATUS)

    def invoke(self, text, from_tty):
        arguments = gdb.string_to_argv(text)
        if arguments[:1] == ["calls"]:
            program = os.environ.get("COCANCEL_INSPECT", "cocancel-inspect")
            taken = dump(arguments[1:])
            try:
                shown = subprocess.run([program, "-"], input=taken, capture_output=True, check=False)
            except FileNotFoundError as error:
                raise gdb.GdbError(f"{program} is not there: `cargo build --release -p cocancel-inspect` makes it, COCANCEL_INSPECT names it") from error
            gdb.write(shown.stdout.decode() + shown.stderr.decode())
        elif arguments[:1] == ["dump"] and len(arguments) > 1:
            # first: what fails leaves no file, and an older one as it was
            taken = dump(arguments[2:])
            with open(arguments[1], "wb") as file:
                file.write(taken)
        elif arguments == ["layout"]:
            gdb.write(json.dumps(whole_layout(), indent=2) + "\n")
        else:
            raise gdb.GdbError("cocancel calls | dump FILE | layout")


Cocancel()
