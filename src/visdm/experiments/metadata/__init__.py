"""What `visdm experiment metadata` measures, a part in a module each."""
