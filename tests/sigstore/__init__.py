"""A miniature Sigstore, made in the process: certificates, logs and timestamps as real ones are."""
