"""What the data of a run is worth: trained again without parts of it, replayed without services, from week to week."""
