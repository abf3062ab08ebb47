//! Room for large bodies: what is read of them, and made of it, waits in memory until it is answered.
//!
//! Whoever says how long a body is takes that much of the room, whoever does not takes as much as the longest may be. Who
//! finds no room is told to ask again before anything of the body is read.

use super::{Problem, Shared};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// The longest body of a batch, bytes.
pub const LONGEST: usize = 16 << 20;

/// How much there is for all of them, KiB.
pub const ROOM: usize = 8 * LONGEST / 1024;

/// Lets a request in while there is room for its body.
pub async fn admit(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Result<Response, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let kib = (length.unwrap_or(LONGEST).min(LONGEST) / 1024).max(1) as u32;
    let Ok(_room) = shared.room.try_acquire_many(kib) else {
        let message = "too many large bodies are on their way; ask again in a second";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, None, message));
    };
    Ok(next.run(request).await)
}
