use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

async fn frame(socket: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = socket.read_u32().await?;
    let mut frame = vec![0; usize::try_from(length).unwrap_or_default()];
    socket.read_exact(&mut frame).await.map(|_| frame)
}

/// Opens a session of 1.5 s and answers the client's first ping, as ZooKeeper does; and says no more.
async fn fall_silent(mut socket: TcpStream) -> std::io::Result<()> {
    frame(&mut socket).await?;
    // Length, protocol version, timeout in ms, session, password, read only.
    let opened: [&[u8]; 6] =
        [&37_u32.to_be_bytes(), &[0; 4], &1500_u32.to_be_bytes(), &[1; 8], &16_u32.to_be_bytes(), &[0; 17]];
    socket.write_all(&opened.concat()).await?;
    let ping = frame(&mut socket).await?;
    // Length, the ping's own number, transaction, no error.
    let pong: [&[u8]; 3] = [&16_u32.to_be_bytes(), &ping[..4], &[0; 12]];
    socket.write_all(&pong.concat()).await?;
    tokio::io::copy(&mut socket, &mut tokio::io::sink()).await.map(drop)
}

// D29: the client notices long before the limit that nothing comes, and that is ZooKeeper's absence, no answer of its.
#[tokio::test]
async fn a_server_that_falls_silent_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let serve = async {
        let mut clients = tokio::task::JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            clients.spawn(fall_silent(socket));
        }
    };
    let zookeeper = ZooKeeper::new(&address, Duration::from_millis(1500)).expect("an address");
    let zookeeper = zookeeper.limit(Duration::from_secs(4));
    tokio::select! {
        asked = zookeeper.registration(0) => {
            let error = asked.expect_err("nobody answers");
            assert!(error.is_away(), "{error:?}");
        }
        () = serve => panic!("the server ends"),
    }
}
