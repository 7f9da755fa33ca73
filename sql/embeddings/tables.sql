-- Embeddings of the inputs of steps, for retrieval by likeness. A partition a model, each with its own HNSW index: that of a
-- new model is made empty, in an instant, and filled in the background.

CREATE TABLE flywheel.embedding_models (
    name        text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,29}$'),
    provider    text REFERENCES flywheel.providers,
    model       text,
    dimensions  int NOT NULL CHECK (dimensions BETWEEN 1 AND 2000), -- pgvector's HNSW takes no more
    current     boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    ready_at    timestamptz,
    problem     text,
    wanted      bigint,
    embedded    bigint,
    failed      bigint,
    measured_at timestamptz,
    recall      double precision,
    recall_of   int,
    recall_at   timestamptz,
    CHECK ((provider IS NULL) = (model IS NULL))
);

CREATE UNIQUE INDEX embedding_models_current ON flywheel.embedding_models (current) WHERE current;

COMMENT ON TABLE flywheel.embedding_models IS
'What turns inputs into vectors. Write with flywheel.set_embedding_model(). ngrams is built in: hashed character n-grams, without any key or download; it compares spelling, not meaning. See flywheel.index_health.';
COMMENT ON COLUMN flywheel.embedding_models.name IS 'Your name for it: flywheel.embeddings.model.';
COMMENT ON COLUMN flywheel.embedding_models.provider IS 'flywheel.providers.name, whose /embeddings the worker asks; NULL: built in.';
COMMENT ON COLUMN flywheel.embedding_models.model IS 'The provider''s name of the model.';
COMMENT ON COLUMN flywheel.embedding_models.dimensions IS 'Length of its vectors.';
COMMENT ON COLUMN flywheel.embedding_models.current IS 'The one that was set last. It serves as soon as all steps are embedded: flywheel.serving_embedding_model().';
COMMENT ON COLUMN flywheel.embedding_models.created_at IS 'When it was first set.';
COMMENT ON COLUMN flywheel.embedding_models.ready_at IS 'Since when it has embeddings of all steps that it should have; NULL: not yet, or not any more, since another took its place.';
COMMENT ON COLUMN flywheel.embedding_models.problem IS 'Why the worker gets no embeddings from it; NULL: it does.';
COMMENT ON COLUMN flywheel.embedding_models.wanted IS 'Steps in flywheel.embed_wanted at measured_at.';
COMMENT ON COLUMN flywheel.embedding_models.embedded IS 'Those of them that had an embedding.';
COMMENT ON COLUMN flywheel.embedding_models.failed IS 'Those that cannot have one: flywheel.embeddings.error.';
COMMENT ON COLUMN flywheel.embedding_models.measured_at IS 'When flywheel.tend_embeddings() last counted.';
COMMENT ON COLUMN flywheel.embedding_models.recall IS 'What flywheel.index_recall() last measured.';
COMMENT ON COLUMN flywheel.embedding_models.recall_of IS 'On so many queries.';
COMMENT ON COLUMN flywheel.embedding_models.recall_at IS 'When.';
COMMENT ON INDEX flywheel.embedding_models_current IS 'One model is the current one.';

CREATE TABLE flywheel.embeddings (
    step_id    bigint NOT NULL,
    model      text NOT NULL,
    embedding  vector,
    content    bigint NOT NULL,
    error      text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (step_id, model),
    CHECK ((embedding IS NULL) = (error IS NOT NULL))
) PARTITION BY LIST (model);

COMMENT ON TABLE flywheel.embeddings IS
'The embedding of a step''s input, per model. Filled by flywheel.drain() (ngrams) and the worker (endpoints) for the steps of flywheel.embed_wanted. Search with flywheel.nearest_steps(). A step whose input changes loses its embedding at once and gets a new one within a second or so.';
COMMENT ON COLUMN flywheel.embeddings.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.embeddings.model IS 'flywheel.embedding_models.name.';
COMMENT ON COLUMN flywheel.embeddings.embedding IS 'Of the input; NULL where there can be none, see error. Its index is on (embedding::vector(<dimensions>)).';
COMMENT ON COLUMN flywheel.embeddings.content IS 'flywheel.embedded_content() of the input that was embedded.';
COMMENT ON COLUMN flywheel.embeddings.error IS 'Why there is no embedding: nothing to embed, or what the provider says of this text. DELETE the row to have it tried again.';
COMMENT ON COLUMN flywheel.embeddings.created_at IS 'When it was stored.';

CREATE TABLE flywheel.embedded_pipelines (
    pipeline text PRIMARY KEY
);

COMMENT ON TABLE flywheel.embedded_pipelines IS
'Pipelines of which every step is embedded, not only those with a label or a fix. Write with flywheel.set_embedded().';
COMMENT ON COLUMN flywheel.embedded_pipelines.pipeline IS 'flywheel.traces.pipeline.';
