SELECT * FROM flywheel.claim_embeddings(%s, %s, %s)
