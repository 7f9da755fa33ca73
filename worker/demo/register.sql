SELECT flywheel.add_validator('demo.not_empty', 'flywheel_demo.not_empty', pipeline => %(pipeline)s);
SELECT flywheel.add_validator('demo.no_email', 'flywheel_demo.no_email',
    pipeline => %(pipeline)s, node_type => 'writer');
SELECT flywheel.add_validator('demo.max_length', 'py:max_length',
    '{"limit": 600}', pipeline => %(pipeline)s, node_type => 'writer');
SELECT flywheel.add_validator('demo.no_promises', 'py:contains_none',
    '{"words": ["as an AI language model", "I guarantee", "legally entitled"]}',
    pipeline => %(pipeline)s, node_type => 'writer');
SELECT flywheel.add_validator('demo.label_expected', 'py:equals_expected',
    pipeline => %(pipeline)s, node_type => 'classifier');
SELECT flywheel.add_validator('demo.label_allowed', 'flywheel_demo.label_allowed',
    jsonb_build_object('labels', %(labels)s::jsonb), pipeline => %(pipeline)s, node_type => 'classifier');
SELECT flywheel.add_validator('demo.list_of_ids', 'py:json_schema',
    '{"schema": {"type": "array", "items": {"type": "string"}}}', pipeline => %(pipeline)s, node_type => 'retriever');
SELECT flywheel.add_validator('demo.recall', 'flywheel_demo.recall',
    '{"at_least": 1}', pipeline => %(pipeline)s, node_type => 'retriever');
SELECT flywheel.add_validator('demo.sql_parses', 'py:sql_parses', pipeline => %(pipeline)s, node_type => 'codegen');
SELECT flywheel.add_validator('demo.reads_only', 'flywheel_demo.reads_only',
    pipeline => %(pipeline)s, node_type => 'codegen');
SELECT flywheel.add_judge('demo.helpful',
    'Passes if the answer helps with what the customer asked, or says plainly what to do next. '
    'Fails if it evades the question, is empty, or talks about itself.',
    %(model)s, provider => %(provider)s, pipeline => %(pipeline)s, node_type => %(judged)s);
