"""What starts servers: TensorFlow Serving, or a small server for trying models out."""
