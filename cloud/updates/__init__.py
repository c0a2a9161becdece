"""What the cloud delivers to gateways, signed with The Update Framework.

names (models.contract.update_names) → key_files → metadata (bytes to signed bytes) → repository (the directory that
gateways read: publish, renew) → ceremony (what needs a person with keys: make it, add classes, change keys)
"""
