"""A development and test server that answers as TensorFlow Serving does, over REST and gRPC.

It is for a laptop without containers and for tests: one process, no batching of requests, no
authentication. TensorFlow Serving is what serves in production; its recipe stands in
docs/serving/tfserving.
"""
