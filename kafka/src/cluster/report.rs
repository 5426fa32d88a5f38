//! What `kafka-topics.sh --describe` reports of the whole cluster.

use super::{AskError, Cluster};
use crate::report::{Line, Report};

impl Cluster {
    /// The partitions of a report, by topic and number. As the controller's broker has them, where it answers: it is the
    /// first to know.
    ///
    /// # Errors
    /// None answers, or not this.
    pub async fn report(&self, report: Report) -> Result<Vec<Line>, AskError> {
        let mut failed = 0;
        loop {
            match self.report_once(report).await {
                Err(error) if self.others(&error, &mut failed) => {}
                result => return result,
            }
        }
    }

    async fn report_once(&self, report: Report) -> Result<Vec<Line>, AskError> {
        let mut connection = self.best().await?;
        let (mut lines, live) = connection.lines().await?;
        lines.retain(|line| line.is_in(report, &live));
        if lines.is_empty() {
            return Ok(lines);
        }
        let mut moving = connection.moving().await?;
        for line in &mut lines {
            line.moving = moving.remove(&line.id);
        }
        // Replicas that are being added are missed by nobody.
        lines.retain(|line| line.is_in(report, &live));
        let mut eligible =
            connection.eligible(lines.iter().map(|line| line.id.topic.clone()).collect()).await?;
        for line in &mut lines {
            if let Some(found) = eligible.remove(&line.id) {
                line.eligible = Some(found);
            }
        }
        Ok(lines)
    }
}
