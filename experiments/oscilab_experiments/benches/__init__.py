"""Example benches, one a TOML file; `oscilab benches` lists them."""
