SELECT flywheel.set_validator(d.name, enabled => false) FROM flywheel.validators d
WHERE d.name LIKE 'demo.%' AND d.enabled
