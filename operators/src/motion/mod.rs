//! motion.
