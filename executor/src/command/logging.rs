//! The broker's logging configuration (D44): the main log on stdout only, and the busy side logs in bounded files of
//! their own. Kafka reads log4j 1 before 4.0, and log4j 2 from then on; both are told the same.

use super::LOGS;
use crate::artifact::Line;

/// A logging configuration: which file, what is in it, and the property that names it to the JVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// Name of the file, in the sandbox.
    pub file: &'static str,
    /// Its text.
    pub text: String,
    /// The JVM's option.
    pub option: String,
}

const PATTERN: &str = "[%d] %p %m (%c)%n";

/// Of each side log: its appender, its file, and the loggers that write there. The cleaner and the controller moved
/// within Kafka; all their names are given so that each is found.
const SIDE_LOGS: [(&str, &str, &[&str]); 3] = [
    ("controller", "controller", &["kafka.controller", "org.apache.kafka.controller"]),
    ("stateChange", "state-change", &["state.change.logger"]),
    (
        "cleaner",
        "log-cleaner",
        &["kafka.log.LogCleaner", "org.apache.kafka.storage.internals.log.LogCleaner"],
    ),
];

/// Those that log less than the rest, or as much whatever the rest does.
const LEVELS: [(&str, &str); 2] = [("org.apache.zookeeper", "INFO"), ("kafka.request.logger", "WARN")];

/// The one that Kafka `line` reads.
pub fn logging(line: Line) -> Logging {
    if line < Line(4, 0) {
        let file = "log4j.properties";
        Logging { file, text: log4j(), option: format!("-Dlog4j.configuration=file:{file}") }
    } else {
        let file = "log4j2.properties";
        Logging { file, text: log4j2(), option: format!("-Dlog4j2.configurationFile={file}") }
    }
}

fn log4j() -> String {
    let mut text = format!(
        "log4j.rootLogger=INFO, stdout\n\
         log4j.appender.stdout=org.apache.log4j.ConsoleAppender\n\
         log4j.appender.stdout.layout=org.apache.log4j.PatternLayout\n\
         log4j.appender.stdout.layout.ConversionPattern={PATTERN}\n"
    );
    for (logger, level) in LEVELS {
        text.push_str(&format!("log4j.logger.{logger}={level}\n"));
    }
    for (appender, file, loggers) in SIDE_LOGS {
        text.push_str(&format!(
            "log4j.appender.{appender}=org.apache.log4j.RollingFileAppender\n\
             log4j.appender.{appender}.File={LOGS}/{file}.log\n\
             log4j.appender.{appender}.MaxFileSize=16MB\n\
             log4j.appender.{appender}.MaxBackupIndex=2\n\
             log4j.appender.{appender}.layout=org.apache.log4j.PatternLayout\n\
             log4j.appender.{appender}.layout.ConversionPattern={PATTERN}\n"
        ));
        for logger in loggers {
            text.push_str(&format!(
                "log4j.logger.{logger}=INFO, {appender}\nlog4j.additivity.{logger}=false\n"
            ));
        }
    }
    text
}

/// As properties, which log4j 2 reads without any further jar; they name every part before they use it.
fn log4j2() -> String {
    let mut text = format!(
        "status=WARN\n\
         appender.stdout.type=Console\n\
         appender.stdout.name=stdout\n\
         appender.stdout.layout.type=PatternLayout\n\
         appender.stdout.layout.pattern={PATTERN}\n\
         rootLogger.level=INFO\n\
         rootLogger.appenderRef.stdout.ref=stdout\n"
    );
    let mut loggers = 0;
    let mut next = || {
        loggers += 1;
        format!("logger.l{loggers}")
    };
    for (logger, level) in LEVELS {
        let logger_is = next();
        text.push_str(&format!("{logger_is}.name={logger}\n{logger_is}.level={level}\n"));
    }
    for (appender, file, loggers) in SIDE_LOGS {
        text.push_str(&format!(
            "appender.{appender}.type=RollingFile\n\
             appender.{appender}.name={appender}\n\
             appender.{appender}.fileName={LOGS}/{file}.log\n\
             appender.{appender}.filePattern={LOGS}/{file}.log.%i\n\
             appender.{appender}.layout.type=PatternLayout\n\
             appender.{appender}.layout.pattern={PATTERN}\n\
             appender.{appender}.policies.type=Policies\n\
             appender.{appender}.policies.size.type=SizeBasedTriggeringPolicy\n\
             appender.{appender}.policies.size.size=16MB\n\
             appender.{appender}.strategy.type=DefaultRolloverStrategy\n\
             appender.{appender}.strategy.fileIndex=min\n\
             appender.{appender}.strategy.max=2\n"
        ));
        for logger in loggers {
            let logger_is = next();
            text.push_str(&format!(
                "{logger_is}.name={logger}\n\
                 {logger_is}.level=INFO\n\
                 {logger_is}.additivity=false\n\
                 {logger_is}.appenderRef.file.ref={appender}\n"
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn each_line_has_the_configuration_it_reads() {
        for line in [Line(0, 11), Line(2, 8), Line(3, 9)] {
            assert_eq!(logging(line).option, "-Dlog4j.configuration=file:log4j.properties");
        }
        for line in [Line(4, 0), Line(4, 1)] {
            assert_eq!(logging(line).option, "-Dlog4j2.configurationFile=log4j2.properties");
        }
    }

    // D44
    #[test]
    fn the_main_log_goes_to_stdout_only() {
        expect![[r#"
            log4j.rootLogger=INFO, stdout
            log4j.appender.stdout=org.apache.log4j.ConsoleAppender
            log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
            log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
            log4j.logger.org.apache.zookeeper=INFO
            log4j.logger.kafka.request.logger=WARN
            log4j.appender.controller=org.apache.log4j.RollingFileAppender
            log4j.appender.controller.File=logs/controller.log
            log4j.appender.controller.MaxFileSize=16MB
            log4j.appender.controller.MaxBackupIndex=2
            log4j.appender.controller.layout=org.apache.log4j.PatternLayout
            log4j.appender.controller.layout.ConversionPattern=[%d] %p %m (%c)%n
            log4j.logger.kafka.controller=INFO, controller
            log4j.additivity.kafka.controller=false
            log4j.logger.org.apache.kafka.controller=INFO, controller
            log4j.additivity.org.apache.kafka.controller=false
            log4j.appender.stateChange=org.apache.log4j.RollingFileAppender
            log4j.appender.stateChange.File=logs/state-change.log
            log4j.appender.stateChange.MaxFileSize=16MB
            log4j.appender.stateChange.MaxBackupIndex=2
            log4j.appender.stateChange.layout=org.apache.log4j.PatternLayout
            log4j.appender.stateChange.layout.ConversionPattern=[%d] %p %m (%c)%n
            log4j.logger.state.change.logger=INFO, stateChange
            log4j.additivity.state.change.logger=false
            log4j.appender.cleaner=org.apache.log4j.RollingFileAppender
            log4j.appender.cleaner.File=logs/log-cleaner.log
            log4j.appender.cleaner.MaxFileSize=16MB
            log4j.appender.cleaner.MaxBackupIndex=2
            log4j.appender.cleaner.layout=org.apache.log4j.PatternLayout
            log4j.appender.cleaner.layout.ConversionPattern=[%d] %p %m (%c)%n
            log4j.logger.kafka.log.LogCleaner=INFO, cleaner
            log4j.additivity.kafka.log.LogCleaner=false
            log4j.logger.org.apache.kafka.storage.internals.log.LogCleaner=INFO, cleaner
            log4j.additivity.org.apache.kafka.storage.internals.log.LogCleaner=false
        "#]]
        .assert_eq(&logging(Line(3, 9)).text);
    }

    // D44
    #[test]
    fn log4j_2_is_told_the_same() {
        expect![[r#"
            status=WARN
            appender.stdout.type=Console
            appender.stdout.name=stdout
            appender.stdout.layout.type=PatternLayout
            appender.stdout.layout.pattern=[%d] %p %m (%c)%n
            rootLogger.level=INFO
            rootLogger.appenderRef.stdout.ref=stdout
            logger.l1.name=org.apache.zookeeper
            logger.l1.level=INFO
            logger.l2.name=kafka.request.logger
            logger.l2.level=WARN
            appender.controller.type=RollingFile
            appender.controller.name=controller
            appender.controller.fileName=logs/controller.log
            appender.controller.filePattern=logs/controller.log.%i
            appender.controller.layout.type=PatternLayout
            appender.controller.layout.pattern=[%d] %p %m (%c)%n
            appender.controller.policies.type=Policies
            appender.controller.policies.size.type=SizeBasedTriggeringPolicy
            appender.controller.policies.size.size=16MB
            appender.controller.strategy.type=DefaultRolloverStrategy
            appender.controller.strategy.fileIndex=min
            appender.controller.strategy.max=2
            logger.l3.name=kafka.controller
            logger.l3.level=INFO
            logger.l3.additivity=false
            logger.l3.appenderRef.file.ref=controller
            logger.l4.name=org.apache.kafka.controller
            logger.l4.level=INFO
            logger.l4.additivity=false
            logger.l4.appenderRef.file.ref=controller
            appender.stateChange.type=RollingFile
            appender.stateChange.name=stateChange
            appender.stateChange.fileName=logs/state-change.log
            appender.stateChange.filePattern=logs/state-change.log.%i
            appender.stateChange.layout.type=PatternLayout
            appender.stateChange.layout.pattern=[%d] %p %m (%c)%n
            appender.stateChange.policies.type=Policies
            appender.stateChange.policies.size.type=SizeBasedTriggeringPolicy
            appender.stateChange.policies.size.size=16MB
            appender.stateChange.strategy.type=DefaultRolloverStrategy
            appender.stateChange.strategy.fileIndex=min
            appender.stateChange.strategy.max=2
            logger.l5.name=state.change.logger
            logger.l5.level=INFO
            logger.l5.additivity=false
            logger.l5.appenderRef.file.ref=stateChange
            appender.cleaner.type=RollingFile
            appender.cleaner.name=cleaner
            appender.cleaner.fileName=logs/log-cleaner.log
            appender.cleaner.filePattern=logs/log-cleaner.log.%i
            appender.cleaner.layout.type=PatternLayout
            appender.cleaner.layout.pattern=[%d] %p %m (%c)%n
            appender.cleaner.policies.type=Policies
            appender.cleaner.policies.size.type=SizeBasedTriggeringPolicy
            appender.cleaner.policies.size.size=16MB
            appender.cleaner.strategy.type=DefaultRolloverStrategy
            appender.cleaner.strategy.fileIndex=min
            appender.cleaner.strategy.max=2
            logger.l6.name=kafka.log.LogCleaner
            logger.l6.level=INFO
            logger.l6.additivity=false
            logger.l6.appenderRef.file.ref=cleaner
            logger.l7.name=org.apache.kafka.storage.internals.log.LogCleaner
            logger.l7.level=INFO
            logger.l7.additivity=false
            logger.l7.appenderRef.file.ref=cleaner
        "#]]
        .assert_eq(&logging(Line(4, 0)).text);
    }
}
