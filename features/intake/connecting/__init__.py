"""Where rows are asked for rather than sent: databases and servers, with secrets that no file of ours holds."""
