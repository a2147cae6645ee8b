"""What tests share: tiny models, reference code in NumPy, and processes of their own."""
