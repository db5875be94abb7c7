//! Our logits beside those of candle-transformers.
