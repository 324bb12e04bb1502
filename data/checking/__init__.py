"""Looking at captioned pictures before anything is trained on them: figures and findings."""
