//! One command: find the scheduler, ask, show.
#![expect(clippy::disallowed_methods, reason = "a command reads its environment and follows a plan in time")]

use std::io::{self, Write};

use api::client::{Answer, Client, Error, Options};

use crate::{
    address::{self, Address},
    args::{Broker, Command, Common, Group, Part, Plan},
    failure::Failure,
    render,
};

mod follow;
mod reassign;
mod test;
mod topic;

/// Does what `command` says.
pub(crate) async fn run(common: &Common, command: &Command) -> Result<(), Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    let address = address::find(common, &variable, &address::Installed::new(common.timeout)).await?;
    let client = client(common, &address)?;
    let scheduler = Scheduler { client, address, table: common.table };
    match command {
        Command::Connection { part: None } => {
            let answer = scheduler.client.connection().await;
            scheduler.show(answer, render::connection)
        }
        Command::Connection { part: Some(Part::Address) } => {
            let answer = scheduler.client.addresses().await;
            scheduler.show(answer, |part| render::column("ADDRESS", &part.address))
        }
        Command::Connection { part: Some(Part::Dns) } => {
            let answer = scheduler.client.dns_names().await;
            scheduler.show(answer, |part| render::column("DNS", &part.dns))
        }
        Command::Broker(Broker::List) => scheduler.brokers().await,
        Command::Broker(Broker::Incidents { id }) => {
            let answer = scheduler.client.incidents(*id).await;
            scheduler.show(answer, render::incidents)
        }
        Command::Broker(Broker::LogDirs { id, topic }) => {
            let answer = scheduler.client.log_dirs(*id, topic.as_deref()).await;
            scheduler.show(answer, render::log_dirs)
        }
        Command::Broker(Broker::Restart { id, force, wait, within }) => {
            let answer = scheduler.answered(scheduler.client.restart_broker(*id, *force).await)?;
            if *wait {
                follow::until_restarted(&scheduler, *id, *within).await?;
            }
            scheduler.show(Ok(answer), |tasks| render::tasks(tasks))
        }
        Command::Plan(Plan::Show { wait: false, .. }) => {
            let answer = scheduler.client.plan().await;
            scheduler.show(answer, render::plan)
        }
        Command::Plan(Plan::Show { wait: true, within }) => {
            let answer = follow::until_complete(&scheduler, *within).await?;
            scheduler.show(Ok(answer), render::plan)
        }
        Command::Plan(Plan::Active) => {
            let answer = scheduler.client.plan_active().await;
            scheduler.show(answer, render::active)
        }
        Command::Topic(topic) => topic::run(&scheduler, topic).await,
        Command::Group(Group::List) => scheduler.show(scheduler.client.groups().await, render::groups),
        Command::Group(Group::Describe { name }) => {
            scheduler.show(scheduler.client.group(name).await, render::group)
        }
        Command::Health => scheduler.health().await,
    }
}

/// The scheduler that is asked, and how its answers are shown.
struct Scheduler {
    client: Client,
    address: Address,
    table: bool,
}

impl Scheduler {
    fn answered<T>(&self, answer: Result<T, Error>) -> Result<T, Failure> {
        answer.map_err(|error| Failure::request(error, &self.address))
    }

    /// Shows the body as it came, or as a table.
    fn show<T>(
        &self,
        answer: Result<Answer<T>, Error>,
        table: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let answer = self.answered(answer)?;
        if self.table {
            return print(&table(&answer.body));
        }
        let json = render::json(&answer.json);
        print(&json.map_err(|error| Failure::Local(format!("the answer cannot be printed: {error}")))?)
    }

    /// Shows every check; a failure where one fails (S-119).
    async fn health(&self) -> Result<(), Failure> {
        let answer = self.answered(self.client.health().await)?;
        let failing: Vec<_> = answer
            .body
            .failing()
            .map(|(name, check)| format!("{}: {}", name.as_str(), check.message))
            .collect();
        let healthy = answer.body.is_healthy();
        self.show(Ok(answer), render::health)?;
        if healthy { Ok(()) } else { Err(Failure::Unhealthy(failing.join("; "))) }
    }

    async fn brokers(&self) -> Result<(), Failure> {
        let list = self.answered(self.client.brokers().await)?;
        if !self.table {
            return self.show(Ok(list), |_| String::new());
        }
        let mut brokers = Vec::new();
        for id in list.body.brokers {
            brokers.push(self.answered(self.client.broker(id).await)?.body);
        }
        print(&render::brokers(&brokers))
    }
}

fn client(common: &Common, address: &Address) -> Result<Client, Failure> {
    let read = |path: &std::path::PathBuf| {
        let failed =
            |error| Failure::Local(format!("cannot read the certificates in {}: {error}", path.display()));
        std::fs::read(path).map_err(failed)
    };
    let options = Options {
        url: address.url.clone(),
        token: address.token.clone().map(|token| token.0),
        ca_pem: address.ca_file.as_ref().map(read).transpose()?,
        deadline: common.timeout,
    };
    Client::new(options).map_err(|error| Failure::request(error, address))
}

/// Writes to stdout. A reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Local(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
