"""`python -m sooner`, as `sooner`."""

from sooner import main

if __name__ == "__main__":
    main()
