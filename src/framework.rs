//! How Mesos knows us.

use mesos::v1::{self, framework_info::capability::Type};

use crate::config::Service;

/// The complete description sent with each SUBSCRIBE (D35).
pub fn info(service: &Service, id: Option<&str>) -> v1::FrameworkInfo {
    let framework = &service.framework;
    let capabilities = [
        Type::PartitionAware,
        Type::MultiRole,
        Type::ReservationRefinement,
        Type::TaskKillingState,
        Type::RegionAware,
    ];
    // Far below 2^53, where a float stops being exact.
    #[expect(clippy::cast_precision_loss, reason = "said above")]
    let failover_timeout = framework.failover_timeout_secs as f64;
    v1::FrameworkInfo {
        user: framework.user.clone(),
        name: framework.name.clone(),
        id: id.map(|value| v1::FrameworkId { value: value.to_owned() }),
        failover_timeout: Some(failover_timeout),
        checkpoint: Some(true),
        principal: Some(framework.principal.clone()),
        roles: vec![framework.role.clone()],
        capabilities: capabilities
            .map(|capability| v1::framework_info::Capability { r#type: Some(capability.into()) })
            .into(),
        ..Default::default()
    }
}
