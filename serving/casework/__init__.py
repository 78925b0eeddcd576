"""The casework pages: what people see and do. Plain Starlette and Jinja; imports no BentoML."""
