"""Runs Kconfig as a build does: configure.py KCONFIG SETTINGS FOLDER writes dotconfig and autoconf.h into the folder. Fails on any warning: a
symbol that is not there, a value that a dependency forbids, a setting that did not get its value.
SPDX-License-Identifier: MIT OR Apache-2.0"""

import os
import pathlib
import sys

import kconfiglib

kconfig_file, settings, folder = sys.argv[1:]
os.environ["KCONFIG_WARN_UNDEF"] = "y"
kconfig = kconfiglib.Kconfig(kconfig_file, warn_to_stderr=False)
kconfig.warn_assign_undef = True
kconfig.load_config(settings)
for symbol in kconfig.unique_defined_syms:
    if symbol.user_value is None:
        continue
    wanted = symbol.user_value
    if symbol.orig_type in (kconfiglib.BOOL, kconfiglib.TRISTATE):
        wanted = kconfiglib.TRI_TO_STR[wanted]
    if symbol.str_value != wanted:
        kconfig.warnings.append(f"{symbol.name} is {symbol.str_value!r}, not {wanted!r} as {settings} says")
if kconfig.warnings:
    sys.exit("\n".join(kconfig.warnings))
out = pathlib.Path(folder)
kconfig.write_config(str(out / "dotconfig"), save_old=False)
kconfig.write_autoconf(str(out / "autoconf.h"))
