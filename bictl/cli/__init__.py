"""The terminal: one small file a command; `render` alone knows rich."""
