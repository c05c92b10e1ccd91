"""Refuse names that would not work, before anything is written."""

import re
import sys

NAME, MODULE = "{{ cookiecutter.name }}", "{{ cookiecutter.module }}"

if not re.fullmatch(r"[a-z][a-z0-9]*", NAME):
    sys.exit(f"the name {NAME!r} has other characters than lower-case letters and digits")
if not MODULE.isidentifier():
    sys.exit(f"the module {MODULE!r} is no name that Python can import")
