import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The guide's producer and consumer (S-087) with an end: so many records are sent, and read by a group. */
public class Sample {
    public static void main(String[] arguments) throws Exception {
        String servers = arguments[0];
        String topic = arguments[1];
        int count = Integer.parseInt(arguments[2]);

        Map<String, Object> producerConfig = new HashMap<>();
        producerConfig.put("bootstrap.servers", servers);
        producerConfig.put("request.timeout.ms", 3000);
        byte[] message = new byte[1024];
        Arrays.fill(message, (byte) 'x');
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(producerConfig, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int sent = 0; sent < count; sent++) {
                producer.send(new ProducerRecord<byte[], byte[]>(topic, message)).get();
            }
        }

        Map<String, Object> consumerConfig = new HashMap<>();
        consumerConfig.put("bootstrap.servers", servers);
        consumerConfig.put("group.id", "test-client-consumer");
        consumerConfig.put("auto.offset.reset", "earliest");
        int read = 0;
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(consumerConfig, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(Collections.singletonList(topic));
            while (read < count) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(1000)) {
                    if (!Arrays.equals(record.value(), message)) {
                        throw new AssertionError("another record at " + record.offset());
                    }
                    read++;
                }
            }
        }
        System.out.println(read + " records of 1024 bytes read");
    }
}
