"""The front end {{ cookiecutter.name }}."""
