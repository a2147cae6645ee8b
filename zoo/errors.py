"""The one exception that a person, rather than a programmer, is meant to read."""


class UserError(Exception):
    """Something the user can mend: a missing file, an unknown name, no network.

    The message is one line that says what is wrong and what to do. The command line prints it to
    standard error and exits with code 2; a traceback would add nothing.
    """
