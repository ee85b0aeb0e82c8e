"""Reports: what a person or a machine reads of a judgement."""
