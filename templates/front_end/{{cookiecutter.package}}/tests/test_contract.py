from oscilab.testing import FrontEndContract


class TestContract(FrontEndContract):
    front_end = "{{ cookiecutter.name }}"
    connection = {"resource": "simulated"}
