"""What a person or a program may ask of Toril, be it over HTTP, on the dashboard or on the command line."""
