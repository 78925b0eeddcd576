"""What a council decides, read and checked: the one reader, and the council, register and programme it reads."""
