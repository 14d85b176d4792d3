"""Checks manifests of components with ESP-IDF's component manager: manifests.py FOLDER..."""

import sys

from idf_component_tools.manager import ManifestManager

for folder in sys.argv[1:]:
    manager = ManifestManager(folder, 'main')
    manager.validate()
    if manager.validation_errors:
        sys.exit(f'{folder}: {manager.validation_errors}')
    if 'MicroUSC' not in [requirement.name for requirement in manager.load().requirements]:
        sys.exit(f'{folder} does not ask for the component')
