#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::{
    atomic::{AtomicBool, Ordering},
    mpsc::sync_channel,
};

use super::*;

/// A number in a file.
fn number(file: &Path) -> Watched<u64> {
    let path = file.to_owned();
    Watched::open(vec![file.to_owned()], move || {
        let bytes = read("NUMBER", &path, Keep::Public)?;
        let text = String::from_utf8(bytes).unwrap();
        text.trim().parse().map_err(|_| trouble("NUMBER", &path, "is no number"))
    })
    .unwrap()
}

fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

// The second look at the same change takes it over: the first may have come amid a write.
#[test]
fn a_change_that_stands_still_is_taken_over() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("n");
    fs::write(&file, "1").unwrap();
    let watched = number(&file);
    watched.look();
    assert_eq!(*watched.get(), 1);
    fs::write(&file, "2").unwrap();
    watched.look();
    assert_eq!(*watched.get(), 1);
    // It goes on being written.
    fs::write(&file, "23").unwrap();
    watched.look();
    assert_eq!(*watched.get(), 1);
    watched.look();
    assert_eq!(*watched.get(), 23);
    replace(&file, "4");
    (0..2).for_each(|_| watched.look());
    assert_eq!(*watched.get(), 4);
}

#[test]
fn a_broken_file_leaves_the_old_value_and_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("n");
    fs::write(&file, "1").unwrap();
    let watched = number(&file);
    let break_it: [&dyn Fn(); 3] = [&|| replace(&file, "one"), &|| fs::remove_file(&file).unwrap(), &|| {
        use std::os::unix::fs::PermissionsExt;
        replace(&file, "5");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    }];
    for (broken, words) in break_it.iter().zip(["is no number", "cannot be read", "has mode 666"]) {
        broken();
        (0..3).for_each(|_| watched.look());
        assert_eq!(*watched.get(), 1);
        let trouble = watched.trouble().unwrap().to_string();
        assert!(trouble.contains("field \"NUMBER\"") && trouble.contains(words), "{trouble}");
    }
    replace(&file, "6");
    (0..2).for_each(|_| watched.look());
    assert_eq!((*watched.get(), watched.trouble()), (6, None));
}

// A file system that hangs holds up the look alone: value and trouble are told meanwhile, as they were.
#[test]
fn a_hanging_file_system_keeps_nobody_waiting() {
    const LONG: Duration = Duration::from_secs(20);
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("n");
    fs::write(&file, "1").unwrap();
    let (entered, hanging) = sync_channel(1);
    let (go_on, released) = sync_channel::<()>(1);
    let (path, released) = (file.clone(), Mutex::new(released));
    let watched = Watched::open(vec![file.clone()], move || {
        let number = fs::read_to_string(&path).unwrap();
        match number.as_str() {
            "2" => Err(trouble("NUMBER", &path, "is two")),
            "3" => {
                entered.send(()).unwrap();
                released.lock().unwrap().recv().unwrap();
                Ok(3)
            }
            _ => Ok(1),
        }
    });
    let watched = &watched.unwrap();
    replace(&file, "2");
    (0..2).for_each(|_| watched.look());
    replace(&file, "3");
    std::thread::scope(|scope| {
        scope.spawn(|| (0..2).for_each(|_| watched.look()));
        hanging.recv_timeout(LONG).unwrap();
        let (told, heard) = sync_channel(1);
        scope.spawn(move || told.send((*watched.get(), watched.trouble().map(|trouble| trouble.field))));
        let meanwhile = heard.recv_timeout(LONG);
        // Before anything can fail, or the scope would wait for ever.
        go_on.send(()).unwrap();
        assert_eq!(meanwhile, Ok((1, Some("NUMBER".to_owned()))));
    });
    assert_eq!((*watched.get(), watched.trouble()), (3, None));
}

// Whoever asks meanwhile gets the old value or the new one.
#[test]
fn replaced_under_load() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("n");
    fs::write(&file, "0").unwrap();
    let (watched, stop) = (number(&file), AtomicBool::new(false));
    let all_read = std::sync::Barrier::new(5);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = *watched.get();
                    all_read.wait();
                    while !stop.load(Ordering::Relaxed) {
                        let now = *watched.get();
                        assert!(now >= last, "{now} after {last}");
                        last = now;
                    }
                })
            })
            .collect();
        all_read.wait();
        for number in 1..=50 {
            // Each third is broken.
            replace(&file, &if number % 3 == 0 { "x".to_owned() } else { number.to_string() });
            (0..2).for_each(|_| watched.look());
            assert_eq!(*watched.get(), if number % 3 == 0 { number - 1 } else { number });
        }
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
