"""What several commands take: the `--json` flag, and settings with flags laid over the environment."""

import os
from typing import Annotated

import typer

from toril.domain.errors import SettingsError
from toril.settings import PREFIX, Settings, read_settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]


def settings_from(**flags: object) -> Settings:
    """Return the settings of this run. Flags that were not given are None.

    Raises:
        SettingsError: a setting can't be used; the message names the flag where it came from one.
    """
    try:
        return read_settings(os.environ, **flags)
    except SettingsError as error:
        variable = error.field or ""
        name = variable.removeprefix(PREFIX).lower()
        if flags.get(name) is None:
            raise
        flag = f"--{name.replace('_', '-')}"
        message = error.message.replace(variable, flag)
        raise SettingsError(message, field=flag, hint=f"Give {flag} a value that fits.") from None
