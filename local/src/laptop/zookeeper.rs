//! ZooKeeper out of the Kafka distribution, small and on loopback alone.

use std::{fs, io, path::Path};

use super::{
    child::Spec,
    environment::Environment,
    home::{Home, Part},
    settings::Settings,
};

/// Its JVM: a laptop cluster keeps a few hundred nodes, so little heap and no second compiler.
const JVM: [&str; 4] = ["-Xms32m", "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

const LOG4J: &str = "log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
";

/// Its configuration file.
fn configuration(data: &Path, port: u16) -> String {
    // No limit on connections of one host, since all of a laptop cluster are; no admin server, which would take 8080.
    format!(
        "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\nadmin.enableServer=false\n\
         tickTime=2000\nautopurge.purgeInterval=1\n",
        data.join("data").display()
    )
}

/// Writes its configuration and says how to start it.
pub fn prepare(
    settings: &Settings,
    home: &Home,
    java: &Path,
    libs: &Path,
    environment: &Environment,
) -> io::Result<Spec> {
    let dir = home.zookeeper();
    fs::create_dir_all(dir.join("data"))?;
    let file = dir.join("zoo.cfg");
    fs::write(&file, configuration(&dir, settings.zookeeper_port))?;
    let log4j = dir.join("log4j.properties");
    fs::write(&log4j, LOG4J)?;
    let mut arguments: Vec<String> = JVM.map(str::to_owned).into();
    arguments.extend([
        format!("-Dlog4j.configuration=file:{}", log4j.display()),
        "-cp".to_owned(),
        libs.join("*").display().to_string(),
        "org.apache.zookeeper.server.quorum.QuorumPeerMain".to_owned(),
        file.display().to_string(),
    ]);
    Ok(Spec { part: Part::ZooKeeper, program: java.to_owned(), arguments, environment: environment.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_on_loopback_alone() {
        let text = configuration(Path::new("/d/zookeeper"), 2182);
        for line in ["dataDir=/d/zookeeper/data", "clientPort=2182", "clientPortAddress=127.0.0.1"] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
    }
}
