-- Validators that say something about anybody's traces.
SELECT flywheel.add_validator('demo.not_empty', 'flywheel_demo.not_empty');
SELECT flywheel.add_validator('demo.status_ok', 'flywheel_demo.status_ok');
SELECT flywheel.add_validator('demo.fast', 'flywheel_demo.fast', '{"seconds": 10}');
SELECT flywheel.add_validator('demo.no_email', 'flywheel_demo.no_email');
SELECT flywheel.add_validator('demo.max_length', 'py:max_length', '{"limit": 2000}');
SELECT flywheel.add_validator('demo.no_disclaimers', 'py:contains_none',
    '{"words": ["as an AI language model", "I cannot help with that"]}');
SELECT flywheel.add_validator('demo.expected', 'py:equals_expected', '{"normalize": ["case", "whitespace"]}');
SELECT flywheel.add_validator('demo.sql_parses', 'py:sql_parses', node_type => 'codegen');
SELECT flywheel.add_judge('demo.helpful',
    'Passes if the output does what the input asks for. Fails if it evades, is empty, or talks about itself.',
    %(model)s, provider => %(provider)s, sample_rate => %(sample_rate)s);
