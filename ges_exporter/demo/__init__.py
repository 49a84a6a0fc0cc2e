"""The made-up cloud: IAM, GES and the ECS metadata service on a loopback port, with living data.

It knows nothing of the exporter and imports nothing of it, so that it is a second reading of the vendor's
documents and not an echo of the first.
"""
