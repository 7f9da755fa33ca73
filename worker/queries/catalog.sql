SELECT flywheel.sync_python_validators('CATALOG');
