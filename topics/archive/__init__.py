"""The archive: segments of Avro with manifests, in a folder or in S3, that keep records beyond retention.

    <topic>/<partition>/<first>-<next>.avro    the records at offsets first (included) to next (excluded)
    <topic>/<partition>/<first>-<next>.json    its manifest: the segment counts from the moment this is there

Objects are written once, whole or not at all, and never change. Segments may overlap (two archivers at once), but
between the first and the last nothing may be missing.
"""
