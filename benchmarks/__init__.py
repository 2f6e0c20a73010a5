"""Speed and quality of the course's training loops beside those of known projects."""
